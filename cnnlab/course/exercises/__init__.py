"""Exercises of the notebooks, with a checker that says what went wrong.

Each notebook has a module of its name: ``from cnnlab.course.exercises import filter_update as ex`` gives
``ex.gradient.check(gradient)``, ``ex.gradient.hint()`` and ``ex.gradient.solution()``. `progress` shows how far
you are.
"""

from cnnlab.course.exercises.checker import progress

__all__ = ["progress"]
