"""What a model is examined on: suites, tasks, verifiers, scoring, backends and the examiner.

Pure functions over files and tables: nothing here knows a workspace or prints.
"""
