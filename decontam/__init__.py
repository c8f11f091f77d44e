"""Decontamination: is the exam in the training data, where, in what form, and how to take it out.

This room knows documents, exams and text; it does not know the store, the command line or a
model under examination.
"""
