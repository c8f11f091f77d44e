"""The promotion loop: decontaminate, train, examine, judge, look once at unseen, promote.

Each step is a function of files that finds its own finished work again, so a run that was
killed is continued by running it again.
"""
