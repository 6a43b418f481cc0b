"""Sound: the track of a film, copied into another one."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from vectormix_tf.io.clips import OPTIONS

# Codecs that an MP4 holds and players play there; others become AAC.
COPIED = ("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "flac")


class Sound:
    """The first track of sound of a film, which an encoder takes bit by bit."""

    def __init__(self, path: str, begin: Fraction = Fraction(0)):
        """Opens nothing yet.

        Args:
            path: A file that FFmpeg can read, with a track of sound.
            begin: When it begins to be heard, in seconds of its own times.
        """
        self._path, self._begin = path, begin
        self._packets: Iterator[tuple[Fraction, Any]] = iter(())
        self._next: tuple[Fraction, Any] | None = None
        self._container: Any = None

    def open(self, container: Any) -> None:
        """Adds its track to an `av` container that is written, before any packet."""
        self._container = container
        self._packets = self._encoded()
        self._next = next(self._packets, None)

    def write(self, end: Fraction) -> None:
        """Writes what is heard until a time, in seconds of the new film."""
        while self._next is not None and self._next[0] < end:
            self._container.mux(self._next[1])
            self._next = next(self._packets, None)

    def _encoded(self) -> Iterator[tuple[Fraction, Any]]:
        """Yields (when it is heard, packet); the track exists from the first one on."""
        import av

        with contextlib.ExitStack() as stack:
            source = stack.enter_context(av.open(self._path, options=OPTIONS))
            track = source.streams.audio[0]
            if track.codec_context.codec.canonical_name in COPIED:
                packets = self._copied(source, track)
            else:
                packets = self._converted(source, track)
            while True:
                try:
                    packet = next(packets, None)
                except av.FFmpegError:  # a film that ends early: so does its sound
                    packet = None
                if packet is None:
                    return
                time = packet.pts * packet.time_base
                if time >= 0:
                    yield time, packet

    def _copied(self, source: Any, track: Any) -> Iterator[Any]:
        stream = self._container.add_stream_from_template(track)
        shift = round(self._begin / track.time_base)
        for packet in source.demux(track):
            if packet.pts is None:  # the last one is empty
                continue
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = stream
            yield packet

    def _converted(self, source: Any, track: Any) -> Iterator[Any]:
        import av

        stream = self._container.add_stream("aac", rate=track.rate)
        resampler = av.AudioResampler(
            format=stream.format, layout=stream.layout, rate=track.rate
        )
        for frame in source.decode(track):
            frame.pts -= round(self._begin / frame.time_base)
            for part in resampler.resample(frame):
                yield from stream.encode(part)
        for part in resampler.resample(None):
            yield from stream.encode(part)
        yield from stream.encode(None)
