"""How a side is cut."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vectormix_tf.optim.tiles import Span, cut_side


@settings(max_examples=300, deadline=None)
@given(
    length=st.integers(75, 9000),
    tile=st.integers(64, 2048),
    overlap=st.integers(0, 300),
    stride=st.sampled_from([1, 2, 4, 8, 16, 32]),
)
def test_tiles_cover_a_side_and_each_has_its_overlap(length, tile, overlap, stride):
    tiles = cut_side(length, tile, overlap, stride)
    assert tiles[0].start == tiles[0].first == 0
    assert tiles[-1].stop == tiles[-1].last == length
    assert len({each.stop - each.start for each in tiles}) == 1  # one shape, one graph
    for before, after in zip(tiles, tiles[1:], strict=False):
        assert before.last == after.first
        assert after.start % stride == after.first % stride == 0
        assert after.first - after.start >= overlap
        assert before.stop - before.last >= overlap
    if len(tiles) > 1:
        own = [each.last - each.first for each in tiles[1:-1]]
        assert all(0 < each <= tile + stride for each in own)


def test_what_fits_is_not_cut_side():
    assert cut_side(1072, 1024, 24, 16) == [Span(0, 1072, 0, 1072)]
    assert len(cut_side(1089, 1024, 24, 16)) == 2
