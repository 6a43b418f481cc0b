"""`vectormix studio link`: links of who runs the studio."""

import pytest

from vectormix_tf.cli.main import main

pytest.importorskip("sqlalchemy")

from vectormix_tf.config.studio import StudioSettings  # noqa: E402
from vectormix_tf.studio import accounts  # noqa: E402
from vectormix_tf.studio.database import Database  # noqa: E402

PASSWORD, SETTINGS = "correct horse", StudioSettings()


@pytest.fixture
def data(tmp_path, capsys):
    assert main(["studio", "upgrade", f"--data={tmp_path}"]) == 0
    capsys.readouterr()
    return f"--data={tmp_path}"


@pytest.fixture
def link(data, capsys):
    """Prints a link, and returns it."""

    def print_one(*flags):
        assert main(["studio", "link", data, *flags]) == 0
        return capsys.readouterr().out.strip()

    return print_one


def test_links_make_an_administrator_and_then_a_new_password(data, link, tmp_path):
    before, token = link("--host=0.0.0.0", "--port=81").split("/signup?link=")
    assert before == "http://127.0.0.1:81"
    database = Database(f"sqlite:///{tmp_path}/studio.sqlite")
    accounts.sign_up(database, SETTINGS, "ida", PASSWORD, link=token)
    public = ("--name=Ida", "--public_url=https://studio.example/")
    before, token = link(*public).split("/password?link=")
    assert before == "https://studio.example"
    opened = accounts.renew_password(database, SETTINGS, token, "battery staple")
    assert opened.account.role == "administrator"
    database.close()


def test_a_name_that_nobody_has_is_one_line(data, capsys):
    assert main(["studio", "link", data, "--name=nobody"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "vectormix: nobody who may sign in has the name 'nobody'."


def test_without_a_studio_there_is_no_link(tmp_path, capsys):
    assert main(["studio", "link", f"--data={tmp_path}"]) == 2
    assert "there is no studio in" in capsys.readouterr().err
