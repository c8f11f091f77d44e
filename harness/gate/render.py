"""A verdict for other programs: JUnit XML for a CI system, Markdown for a pull request.

Text that came from tasks or files is escaped; nothing here decides anything.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from harness.gate.verdict import RuleResult, Verdict

MARKER = "<!-- proctor-gate -->"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~])")
_MARKS = {"pass": "✅ pass", "fail": "❌ fail", "undecided": "❔ undecided"}
_TITLES = {"promote": "✅ promote", "reject": "❌ reject", "inconclusive": "❔ inconclusive"}


def junit(verdict: Verdict) -> str:
    """Return JUnit XML: a test case per rule and task; undecided and missing are skipped."""
    cases = [_case(result) for result in verdict.rules]
    cases += [
        f'  <testcase classname="evidence" name={_attribute(p.task or "all")}>'
        f"<skipped message={_attribute(p.message)}/></testcase>"
        for p in verdict.problems
    ]
    failures = sum(r.outcome == "fail" for r in verdict.rules)
    skipped = sum(r.outcome == "undecided" for r in verdict.rules) + len(verdict.problems)
    head = (
        f'<testsuite name="proctor gate" tests="{len(cases)}" failures="{failures}" '
        f'errors="0" skipped="{skipped}">'
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head]
    lines.append(f'  <properties><property name="verdict" value={_attribute(verdict.verdict)}/>')
    lines.append(f'  <property name="reason" value={_attribute(verdict.reason)}/></properties>')
    return "\n".join([*lines, *cases, "</testsuite>", ""])


def _case(result: RuleResult) -> str:
    open_ = (
        f"  <testcase classname={_attribute(result.rule)} name={_attribute(result.task or 'all')}>"
    )
    message = _attribute(result.message)
    body = {
        "pass": f"<system-out>{escape(_NOT_XML.sub('?', result.message))}</system-out>",
        "fail": f"<failure message={message}/>",
        "undecided": f"<skipped message={message}/>",
    }[result.outcome]
    return f"{open_}{body}</testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("?", text), {"\n": "&#10;", "\t": "&#9;"})


def markdown(verdict: Verdict, *, head: str | None = None) -> str:
    """Return a comment for a pull request, beginning with a marker by which to find it again."""
    lines = [
        MARKER,
        f"### Gate: {_TITLES[verdict.verdict]}",
        "",
        _plain(verdict.reason) + ".",
        "",
        "| rule | task | outcome | what was measured |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {_plain(r.rule)} | {_plain(r.task or '')} | {_MARKS[r.outcome]} | {_plain(r.message)} |"
        for r in verdict.rules
    ]
    for problem in verdict.problems:
        command = f": `{problem.command.replace('`', '')}`" if problem.command else ""
        lines.append(f"\n- {_plain(problem.message)}{command}")
    levels = ", ".join(
        f"{name} look {_look(verdict, name)}, level {level:.3g}"
        for name, level in verdict.levels.items()
    )
    lines += ["", f"<sub>alpha {verdict.alpha:g}; {levels}</sub>"]
    if head:
        lines.append(f"<sub>ledger head `{head}`</sub>")
    return "\n".join(lines) + "\n"


def _look(verdict: Verdict, name: str) -> int:
    return verdict.looks.dev if name == "dev" else verdict.looks.unseen


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, links, HTML or mentions."""
    text = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")
    )
