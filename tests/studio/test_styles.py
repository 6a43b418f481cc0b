import pytest

from vectormix_tf.studio import blobs, files, queue, styles, uploads, works
from vectormix_tf.studio.errors import Refusal


def code(call, *args, **kwargs):
    with pytest.raises(Refusal) as caught:
        call(*args, **kwargs)
    return caught.value.code


def share(town, user, visibility="public", title="Waves"):
    upload = town.upload(user, b"painting")
    return styles.share(town.database, user, upload, title, "Hokusai", visibility).id


def use(town, user, style):
    inputs = {
        "content": queue.Picked(upload=town.upload(user)),
        "style": queue.Picked(style=style),
    }
    return town.submit(user, inputs=inputs)


def uses(town, style, viewer=None):
    return styles.find(town.database, viewer, style).uses


def test_the_packages_own_styles_are_everyones(town):
    ann = town.person("ann")
    for title in ("Night", "Night Cafe"):
        styles.install(town.database, {"night": (title, "Vincent van Gogh")})
    (style,) = styles.popular(town.database, None)
    assert (style.builtin, style.title, style.person) == ("night", "Night Cafe", None)
    use(town, ann, style.id)
    lease = town.claim()
    assert (lease.inputs["style"].builtin, lease.inputs["style"].key) == ("night", None)
    assert uses(town, style.id) == 1
    assert code(styles.delete, town.database, ann, style.id) == "not_found"


def test_a_private_style_is_its_persons(town):
    ann, ben = town.person("ann"), town.person("ben")
    style = share(town, ann, "private")
    assert code(styles.find, town.database, ben, style) == "not_found"
    assert code(use, town, ben, style) == "not_found"
    assert [each.id for each in styles.mine(town.database, ann)] == [style]
    use(town, ann, style)
    styles.edit(town.database, ann, style, "Sea", "me", "public")
    assert styles.find(town.database, ben, style).title == "Sea"
    assert (
        code(styles.edit, town.database, ben, style, "a", "", "public") == "not_found"
    )


def test_a_shared_upload_is_one_blob_of_one_style(town):
    ann = town.person("ann")
    upload = town.upload(ann)
    key = uploads.find(town.database, ann, upload).picture
    inputs = {"style": queue.Picked(upload=upload)}
    town.submit(ann, inputs=inputs)
    style = styles.share(town.database, ann, upload, "Waves", "", "public")
    assert style.picture == key and style.uses == 1
    assert code(uploads.find, town.database, ann, upload) == "not_found"
    assert town.claim().inputs["style"].key == key


def test_a_reused_style_is_credited_and_its_bytes_are_public(town):
    ann, ben = town.person("ann"), town.person("ben")
    style = share(town, ann)
    use(town, ben, style)
    work = town.finish(town.claim())
    works.publish(town.database, town.settings, ben, work, "public")
    found = works.find(town.database, None, work).sources
    (source,) = [each for each in found if each.slot == "style"]
    assert (source.title, source.credit, source.person) == ("Waves", "Hokusai", "ann")
    assert files.find(town.database, None, source.picture).public


def test_uses_go_with_the_works(town):
    ann, ben = town.person("ann"), town.person("ben")
    style = share(town, ann)
    use(town, ben, style)
    work = town.finish(town.claim())
    assert uses(town, style) == 1
    works.delete(town.database, ben, work)
    assert uses(town, style) == 0


def test_deleting_a_style_deletes_its_bytes_and_no_work(town):
    ann, ben = town.person("ann"), town.person("ben")
    style = share(town, ann)
    key = styles.find(town.database, ben, style).picture
    use(town, ben, style)
    work = town.finish(town.claim())
    assert code(styles.delete, town.database, ben, style) == "not_found"
    styles.delete(town.database, ann, style)
    blobs.purge(town.database, town.store)
    assert town.store.size(key) is None
    sources = works.find(town.database, ben, work).sources
    assert [(each.slot, each.style) for each in sources] == [
        ("content", None),
        ("style", None),
    ]
    job = works.find(town.database, ben, work).job
    assert code(queue.order_of, town.database, ben, job, "new") == "not_possible"


@pytest.mark.parametrize(
    "title, credit, visibility",
    [("", "", "public"), ("x" * 101, "", "public"), ("x", "y" * 101, "public")]
    + [("x", "", "unlisted")],
)
def test_words_have_a_length(town, title, credit, visibility):
    ann = town.person("ann")
    call = (styles.share, town.database, ann, town.upload(ann))
    assert code(*call, title, credit, visibility) == "bad_input"
