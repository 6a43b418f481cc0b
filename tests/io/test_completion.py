"""Work that Ctrl-C does not break off."""

import signal
import threading
import time

import pytest

from vectormix_tf.io import completion
from vectormix_tf.io.completion import complete


def slow_work(made, interrupt=lambda: None):
    interrupt()
    time.sleep(0.05)
    made.append("end")


def test_what_is_not_interrupted_says_so():
    made = []
    assert complete(slow_work, made) is True
    assert made == ["end"]


def test_ctrl_c_does_not_break_it_off():
    made, main = [], threading.main_thread().ident

    def interrupt():
        signal.pthread_kill(main, signal.SIGINT)

    if not hasattr(signal, "pthread_kill"):
        pytest.skip("Windows sends no signals to threads")
    assert complete(slow_work, made, interrupt) is False
    assert made == ["end"]


def test_an_error_in_it_is_raised_here():
    def fail():
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        complete(fail)


def test_it_is_done_here_where_no_thread_can_be_started(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(completion.threading.Thread, "start", refuse)
    made = []
    assert complete(slow_work, made) is True
    assert made == ["end"]
