"""The one table of status codes agrees with gRPC and TensorFlow."""

import grpc
import pytest
import tensorflow as tf

from vectormix_tf.tfserving.status import (
    HTTP,
    STATUSES,
    TOO_LARGE,
    name_of_http,
    name_of_number,
)


def test_names_and_numbers_are_those_of_grpc():
    theirs = {status.name: status.value[0] for status in grpc.StatusCode}
    assert {status.name: status.number for status in STATUSES} == theirs


def test_names_and_numbers_are_those_of_tensorflow():
    theirs = {
        name: number
        for name, number in vars(tf.errors).items()
        if isinstance(number, int) and name.isupper()
    }
    assert {status.name: status.number for status in STATUSES} == theirs


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.name)
def test_a_number_has_the_name_of_its_row(status):
    assert name_of_number(status.number) == status.name


def test_each_http_status_comes_back_as_a_name_that_is_sent_with_it():
    for http in set(HTTP.values()):
        assert HTTP[name_of_http(http)] == http


@pytest.mark.parametrize(
    ("http", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (404, "NOT_FOUND"),
        (409, "ABORTED"),
        (412, "FAILED_PRECONDITION"),
        (TOO_LARGE, "RESOURCE_EXHAUSTED"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "UNKNOWN"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_an_http_status_that_several_names_share_has_one_of_them(http, name):
    assert name_of_http(http) == name


def test_what_is_not_in_the_table_is_unknown():
    assert name_of_number(17) == name_of_number(-1) == "UNKNOWN"
    assert name_of_http(418) == name_of_http(302) == "UNKNOWN"
