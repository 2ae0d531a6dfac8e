"""Classification: one class per image."""

from pupila.tasks.task import Task

CLASSIFY = Task(name="classify", target="class")
