"""Tasks: lm-eval YAML files, one folder a family; any stock lm-eval task works by its name too.

How to add a task (here or in a folder of your own, given as `include`):

    evals/tasks/sums/sums.yaml
        task: sums                          # the name a suite uses, unique over all folders
        dataset_path: json                  # or csv, parquet: a local file, see data_files
        dataset_kwargs:
          data_files: {test: sums.jsonl}    # beside the YAML, else in --data-dir / PROCTOR_DATA
        test_split: test                    # the split that is examined
        output_type: generate_until
        doc_to_text: "{{question}}"         # Jinja over the document's fields
        doc_to_target: "{{answer}}"
        num_fewshot: 2                      # and fewshot_config: {sampler: first_n, samples: […]}
        generation_kwargs: {until: [], do_sample: false, max_gen_toks: 64}
        metadata:
          version: 1                        # raise it whenever a score could change
          scorer: gsm8k                     # a name in evals.scoring.SCORERS
          family: math                      # what the leaderboard groups by

A scorer is called as `scorer(document, response)` and returns an `evals.scoring.Score`. Without
one, lm-eval's own filters and metrics score the task (`metric` and `filter` choose which count).

Further `metadata` keys: `id` (the field that names an instance; by default the digest of the
document), `cluster` (the field that groups instances sharing a passage or template), `chat`
(false: never use the chat template; by default it is used where the checkpoint has one),
`system` (a system prompt), `hub` (`{path, name, splits, rename}`: where the data is when there is
no local file), `description` (one line for `proctor tasks`), `source` (where settings come from),
`requires` (what the task needs that Proctor does not have: it is listed, and said not to run),
`category` (the field whose values get a mean each in the manifest's metrics), `judge` (how a model
judges the task when `--judge` gives one, see `evals.judges.settings`; a task with a scorer as well
is scored by that without one, a task without says that it needs a judge).
Instances that code generates: `custom_dataset: !function module.name`, called with the metadata
and `dataset_kwargs`, returns {split: evals.data.Documents} (see `arithmetic/`).

`include: other.yaml` inherits another file. `!function module.name` runs Python beside the YAML:
a folder of tasks is code, so include only folders you trust.
"""
