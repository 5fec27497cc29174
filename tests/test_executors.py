"""Tasks in processes are expressions: what a test file defines cannot be imported by another process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from justright.errors import RecipeError, TableError, TrainingError
from justright.executors import Done, Executor, Here, Processes, cores

EVALUATING = partial(partial, eval)
AFFINITY = hasattr(os, "sched_getaffinity")


@pytest.fixture
def two() -> Iterator[Processes]:
    executor = Processes(EVALUATING, min(2, len(cores())))
    yield executor
    executor.close()


def all_of(executor: Executor) -> dict[int, Done]:
    found = {}
    while (done := executor.completed(60)) is not None:
        found[done.number] = done
    return found


def test_here_does_tasks_in_order_and_only_when_waited_for() -> None:
    seen: list[int] = []

    def work(task: int) -> int:
        seen.append(task)
        return task * task

    executor = Here(lambda: work)
    for number in range(3):
        executor.submit(number, number + 1)
    executor.cancel(1)
    assert seen == []
    assert [executor.completed(), executor.completed(), executor.completed()] == [
        Done(0, 1),
        Done(2, 9),
        None,
    ]
    assert seen == [1, 3]


@pytest.mark.parametrize("error", [TrainingError("no rows"), ZeroDivisionError("by zero"), MemoryError()])
def test_an_error_of_a_task_is_its_failure(error: Exception) -> None:
    def work(task: int) -> int:
        raise error

    executor = Here(lambda: work)
    executor.submit(7, 0)
    done = executor.completed()
    assert done is not None and done.number == 7 and done.result is None and done.failure


def test_a_fault_of_the_program_is_none_of_a_task() -> None:
    executor = Here(lambda: lambda task: task.nothing)
    executor.submit(0, 0)
    with pytest.raises(AttributeError):
        executor.completed()


def test_processes_do_tasks_elsewhere(two: Processes) -> None:
    for number in range(5):
        two.submit(number, f"({number} ** 2, os.getpid())")
    found = all_of(two)
    assert [found[number].result[0] for number in range(5)] == [0, 1, 4, 9, 16]
    pids = {done.result[1] for done in found.values()}
    assert os.getpid() not in pids and len(pids) <= two.size
    assert two.completed() is None


def test_an_error_elsewhere_is_a_sentence(two: Processes) -> None:
    two.submit(0, "1 // 0")
    assert all_of(two)[0].failure == "integer division or modulo by zero"


@pytest.mark.skipif(not AFFINITY, reason="this system does not tell cores apart")
def test_threads_times_processes_never_exceed_the_cores() -> None:
    for processes in range(1, len(cores()) + 1):
        executor = Processes(EVALUATING, processes)
        for number in range(processes):
            # Long enough that no worker is given two of them.
            executor.submit(number, "(time.sleep(1.0), tuple(os.sched_getaffinity(0)))[1]")
        found = [done.result for done in all_of(executor).values()]
        executor.close()
        own = [core for each in found for core in each]
        assert len(own) == len(set(own)) <= len(cores())
        assert len(found) == processes and all(found)


@pytest.mark.skipif(not AFFINITY, reason="this system does not tell cores apart")
def test_libraries_begin_no_more_threads_than_a_worker_has_cores(two: Processes) -> None:
    two.submit(0, "(__import__('numba').config.NUMBA_DEFAULT_NUM_THREADS, len(os.sched_getaffinity(0)))")
    threads, share = all_of(two)[0].result
    assert threads == share


def test_more_processes_than_cores_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"workers=4096; allowed: 1\.\."):
        Processes(EVALUATING, 4096)


def test_a_worker_that_is_killed_is_a_failed_task_and_another_goes_on(two: Processes) -> None:
    two.submit(0, f"os.kill(os.getpid(), {int(signal.SIGKILL)})")
    two.submit(1, "'done'")
    two.submit(2, "'done too'")
    found = all_of(two)
    assert found[0] == Done(0, None, "its worker process ended by signal 9 (SIGKILL)")
    assert (found[1].result, found[2].result) == ("done", "done too")


def test_workers_that_die_at_their_start_end_the_study() -> None:
    executor = Processes(partial(os._exit, 3), 1)
    executor.submit(0, "1")
    executor.submit(1, "1")
    executor.submit(2, "1")
    with pytest.raises(TrainingError, match="3 workers, one after the other, that ended with code 3"):
        all_of(executor)
    executor.close()


def test_an_error_of_the_start_comes_through(tmp_path: Path) -> None:
    from justright.source import open_source

    executor = Processes(partial(open_source, str(tmp_path / "none.csv")), 1)
    executor.submit(0, None)
    with pytest.raises((TableError, OSError), match=r"none\.csv"):
        all_of(executor)
    executor.close()


def test_what_is_cancelled_never_ends_and_its_worker_does(two: Processes) -> None:
    two.submit(0, "time.sleep(600)")
    assert two.completed(0.2) is None
    two.cancel(0)
    two.submit(1, "'next'")
    assert all_of(two)[1].result == "next"


def test_close_ends_processes_that_are_at_work() -> None:
    executor = Processes(EVALUATING, 1)
    executor.submit(0, "os.getpid()")
    done = executor.completed(60)
    assert done is not None
    executor.submit(1, "time.sleep(600)")
    executor.close()
    assert not alive(done.result)
    assert executor.completed() is None


def test_workers_do_not_hear_an_interrupt_meant_for_their_parent(two: Processes) -> None:
    two.submit(0, f"(os.kill(os.getpid(), {int(signal.SIGINT)}), 'still here')[1]")
    assert all_of(two)[0].result == "still here"


def alive(pid: Any) -> bool:
    """Whether a process is there and has not ended."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True
