"""Examines a candidate only until its verdict is known: the rounds asked, and the look after each.

A candidate that is refused or has no fair chance left is asked no further. One that has passed
is examined to its end, since its scores may have to stand in for the champion's, but keeps the
verdict it passed with: to decide again on all instances would spend the error twice.

What is asked and what is decided depend on nothing but the paper, the incumbent's examination and
the answers, so an examination that was killed is decided the same when it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.examinations import StoredExamination
from harness.gate.early import LOOKS, EarlyLook, examination_order, look
from harness.gate.pairing import Pairing, pair_samples
from harness.gate.rules import Gate
from harness.gate.testing import instances_at
from harness.gate.verdict import CONTAMINATED, Looks, Verdict
from proctor.errors import ProctorError

if TYPE_CHECKING:
    import pyarrow as pa

    from evals.paper import Paper
    from evals.records import Sample
    from harness.gate.contamination import Contamination

# (task, instance, sample)
Place = tuple[str, str, int]


def share_of_alpha(gate: Gate, candidates: int) -> Gate:
    """Return the gate at its alpha divided by the candidates of the stage (Bonferroni).

    Candidates that stop at different moments cannot be ordered by their p, as Holm's step-down
    over a stage would have to; the plain division keeps the chance that any null candidate is
    passed within alpha, whatever the dependence between them.
    """
    return gate.model_copy(update={"alpha": gate.alpha / candidates})


def rounds_of(paper: Paper, looks: int = LOOKS) -> list[list[int]]:
    """Return the question numbers to ask before each look.

    Every task is gone through in its own random order, which the paper's seed and the instances
    determine and the checkpoint does not; an instance's samples are asked together.
    """
    numbers: dict[tuple[int, int], list[int]] = {}
    for number, question in enumerate(paper.questions):
        numbers.setdefault((question.exam, question.instance), []).append(number)
    rounds: list[list[int]] = [[] for _ in range(looks)]
    for place, exam in enumerate(paper.exams):
        order = examination_order(
            [instance.id for instance in exam.instances],
            [instance.cluster for instance in exam.instances],
            seed=f"{paper.head['seed']}\0{exam.name}",
        )
        done = 0
        for number in range(looks):
            wanted = instances_at(len(order), number + 1, looks)
            for instance in order[done:wanted]:
                rounds[number] += numbers[place, int(instance)]
            done = wanted
    return rounds


@dataclass
class EarlyStop:
    """One candidate's examination as it goes: give `rounds` and the object itself to the examiner.

    `gate` is at the candidate's own share of alpha (`share_of_alpha`), `dev_look` the number of
    the stage's look at dev. `found` is the look that decided, once there is one.
    """

    gate: Gate
    incumbent: StoredExamination
    candidate: str
    against: str
    dev_look: int
    contamination: Contamination | None = None
    found: EarlyLook | None = field(default=None, init=False)
    number: int = field(default=0, init=False)

    def rounds(self, paper: Paper) -> list[list[int]]:
        """Return the rounds of a paper and be ready for its rows."""
        import pyarrow.parquet as pq

        rounds = rounds_of(paper)
        self._places = [[_place(paper, number) for number in one] for one in rounds]
        self._totals = {exam.name: len(exam.instances) for exam in paper.exams}
        self._manifest = {**paper.head, "missing": dict(paper.missing)}
        self._incumbent = pq.read_table(self.incumbent.samples)
        self._rows: dict[Place, Sample] = {}
        self._tables: list[pa.Table] = []
        self.found, self.number = None, 0
        return rounds

    def __call__(self, rows: Sequence[Sample]) -> bool:
        """Take rows, look after every round that is complete; True to ask no further."""
        self._rows.update({(row.task, row.instance, row.sample): row for row in rows})
        while self.found is None and self._complete():
            self._look()
        return self.stopped

    @property
    def stopped(self) -> bool:
        """Whether the examination ends before all of it is asked: what passed goes to its end."""
        return self.found is not None and not _passed(self.found) and self.number < LOOKS

    def verdict(self) -> Verdict:
        """Return the early verdict; its reason says after what share of the instances.

        Raises:
            ProctorError: the examination ended before anything was decided.
        """
        if self.found is None:
            raise ProctorError(
                f"the examination of {self.candidate[:16]} ended before its verdict was known; "
                "run again"
            )
        verdict = self.found.verdict
        if verdict.reason == CONTAMINATED or self.number == LOOKS:
            return verdict
        return replace(verdict, reason=f"{verdict.reason}; {self.found.reason}")

    def record(self) -> dict[str, Any]:
        """Return what the record keeps: at which look it was decided, and the instances used."""
        total = sum(self._totals.values())
        decided = sum(instances_at(n, self.number, LOOKS) for n in self._totals.values())
        return {
            "reason": "" if self.found is None else self.found.reason,
            "look": self.number,
            "looks": LOOKS,
            "decided": decided,
            "examined": decided if self.stopped else total,
            "instances": total,
        }

    def _complete(self) -> bool:
        return self.number < LOOKS and all(p in self._rows for p in self._places[self.number])

    def _look(self) -> None:
        from evals.rows import samples_table

        fresh = [self._rows[place] for place in self._places[self.number]]
        self._tables.append(samples_table(fresh))
        self.number += 1
        found = look(
            self.gate,
            self._pair(),
            self._totals,
            self.number,
            taken=Looks(dev=self.dev_look),
            contamination=self.contamination,
            candidate=self.candidate,
            against=self.against,
        )
        if found.stop:
            self.found = found

    def _pair(self) -> Pairing:
        """Pair the rows so far, in examination order, with the incumbent's of the same."""
        import pyarrow as pa

        ours = pa.concat_tables(self._tables)
        return pair_samples(
            ours,
            _same_instances(self._incumbent, ours),
            candidate_manifest=self._manifest,
            incumbent_manifest=self.incumbent.manifest,
            errors=self.gate.errors,
        )


def used_and_saved(records: Sequence[Mapping[str, Any]]) -> str:
    """Say for a stage how many instances were examined and how many were not."""
    used = sum(one["examined"] for one in records)
    saved = sum(one["instances"] for one in records) - used
    stopped = sum(one["examined"] < one["instances"] for one in records)
    return (
        f"early stopping: {stopped} of {len(records)} examinations stopped, {used:,} instances "
        f"used, {saved:,} saved"
    )


def _passed(found: EarlyLook) -> bool:
    return found.verdict.verdict == "promote" or found.verdict.awaits_unseen


def _place(paper: Paper, number: int) -> Place:
    question = paper.questions[number]
    exam = paper.exams[question.exam]
    return exam.name, exam.instances[question.instance].id, question.sample


def _same_instances(table: pa.Table, like: pa.Table) -> pa.Table:
    """Return the rows of a samples table whose task and instance occur in another."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = []
    for task in pc.unique(like["task"]):
        names = like.filter(pc.equal(like["task"], task))["instance"].combine_chunks()
        mine = table.filter(pc.equal(table["task"], task))
        kept.append(mine.filter(pc.is_in(mine["instance"], value_set=names)))
    return pa.concat_tables(kept)
