import io
import json
import zipfile

import pytest
from studio_town import PASSWORD

from vectormix_tf.studio import accounts, moderation, styles, takeout, works
from vectormix_tf.studio.errors import Refusal


def taken(town, user):
    chunks = list(takeout.export(town.database, town.store, user))
    assert len(chunks) > 2  # made while it is sent
    return zipfile.ZipFile(io.BytesIO(b"".join(chunks)))


def test_all_of_a_person_and_nothing_of_others_is_taken_out(town):
    ann, ben = town.person("ann"), town.person("ben")
    accounts.change_email(town.database, ann, "ann@example.org")
    token = accounts.log_in(town.database, town.settings, "ann", PASSWORD).token
    boss = town.administrator()
    link = moderation.link_for_password(town.database, boss, ann, "").token
    work, other = town.work(ann), town.work(ben)
    style = styles.share(town.database, ann, town.upload(ann), "t", "", "private").id
    upload = town.upload(ann, b"my photograph")
    works.publish(town.database, town.settings, ben, other, "public")
    works.like(town.database, ann, other)
    with taken(town, ann) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {f"works/{work}.png", f"styles/{style}.png", f"uploads/{upload}.png"} < {
            *names
        }
        assert archive.read(f"uploads/{upload}.png") == b"my photograph"
        text = archive.read("account.json").decode()
    record = json.loads(text)
    assert record["account"]["email"] == "ann@example.org"
    assert [each["id"] for each in record["works"]] == [work]
    assert [each["work_id"] for each in record["likes"]] == [other]
    assert [each["purpose"] for each in record["tokens"]] == ["password"]
    assert link not in text and boss not in text
    assert token not in text and "argon2" not in text and "token_hash" not in text
    assert ben not in text and not any(other in name for name in names)


def test_a_person_who_is_not_there_is_told_before_the_first_bytes(town):
    with pytest.raises(Refusal, match="no such account"):
        takeout.export(town.database, town.store, "none")
