"""`vectormix zoom`: its mistakes; its frames are tested with the recipe."""

from cli_cases import ZOOM, ZOOM_RUN, Mistake, check_mistake, each_mistake

from vectormix_tf.cli.main import main


def a_zoom(folder, patch):
    """A folder with the manifest of another run."""
    assert main([*ZOOM_RUN, "--output=made", "--frames=1"]) == 0


def own_mistakes():
    rows = [
        ("no frames", [*ZOOM[:2], ZOOM[3]], ("--frames is missing", "how many")),
        ("0 frames", [*ZOOM, "--frames=0"], ("--frames must be in [1, 9999]",)),
        ("ending", [*ZOOM, "--output=x.avi"], (".mp4 or .webp or .gif", "`.avi`")),
        ("fps", [*ZOOM, "--fps=0"], ("--fps", "[0.1, 240]")),
        (
            "fps of a WebP",
            [*ZOOM, "--fps=120", "--output=x.webp"],
            ("--fps of a .webp", "[0.1, 90]", "write an .mp4"),
        ),
        ("shift", [*ZOOM, "--shift=4"], ("--shift must be X,Y", "'4'")),
        ("easing", [*ZOOM, "--easing=inout"], ("did you mean in_out",)),
        ("film is input", [*ZOOM, "--guide=x.gif", "--output=x.gif"], ("also an in",)),
        (
            "another zoom",
            [*ZOOM_RUN, "--output=made", "--frames=1", "--zoom=9"],
            ("`made` was made with", "zoom=5.0 (now 9.0)", "--overwrite"),
            a_zoom,
        ),
    ]
    for name, argv, words, *prepare in rows:
        yield Mistake(f"zoom: {name}", argv, words, *prepare)


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)
