"""Exercises of the notebooks, with a checker that says what went wrong.

Each notebook has a module of its name: ``from cnnlab.course.exercises import filter_update as ex`` gives
``ex.gradient.check(gradient)``, ``ex.gradient.hint()`` and ``ex.gradient.solution()``. `progress` shows how far
you are, `results` gives the same as data. A grader asks ``ex.gradient.require(gradient)``, which raises an
`AssertionError` unless the answer is right, or ``ex.gradient.judge(gradient)``, which returns a `checker.Verdict`.
"""

from cnnlab.course.exercises.checker import progress, results

__all__ = ["progress", "results"]
