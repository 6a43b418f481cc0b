"""What the pages are made from: plain values, one class for each template.

Routes fill these, and templates read nothing else: each template gets `frame`, a
`Frame`, and `page`, the class that names it. An address is a path of this site. Times
are UTC. Nothing here is checked; what a person typed is escaped by the templates.
"""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

# Aspects (100 * width / height) that the style sheet has a class for. A card is cut to
# the nearest one, so that rows of a feed are full without a script.
SHAPES = (50, 56, 62, 67, 75, 80, 90, 100, 112, 125, 133, 150, 167, 178, 200, 240)

_MINUTE, _HOUR = 60, 3600  # seconds
_SOON = 10  # seconds that are not worth counting
_FIVES = 90  # seconds that are told in fives
_NO_WORKER = "begins as soon as a worker is there"


# --- Of all pages ---------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Viewer:
    """Who is signed in.

    Attributes:
        name: Of the account.
        is_moderator: Whether the admin pages are shown.
        busy: Number of pictures that wait or are made.
        to_review: Number of works that a moderator should look at.
    """

    name: str
    is_moderator: bool = False
    busy: int = 0
    to_review: int = 0


@dataclasses.dataclass(frozen=True)
class Frame:
    """What surrounds every page.

    Attributes:
        viewer: None for a visitor without an account.
        path: Of this page, with its query: where signing in comes back to.
        notice: A sentence about what has just happened, or "".
        is_problem: Whether the notice tells of something that went wrong.
        may_sign_up: Whether new accounts are taken.
        key: A new idempotency key, for forms that are not about one thing.
    """

    viewer: Viewer | None = None
    path: str = "/"
    notice: str = ""
    is_problem: bool = False
    may_sign_up: bool = True
    key: str = ""

    @property
    def place(self) -> str:
        """First part of the path, which the navigation marks: "", "best", "me", ..."""
        return self.path.partition("?")[0].strip("/").split("/")[0]


@dataclasses.dataclass(frozen=True)
class Thumb:
    """A small version of a picture: its address and size in pixels."""

    url: str
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture as a page shows it.

    Attributes:
        url: Of the whole picture.
        width: In pixels.
        height: In pixels.
        small: Thumbnail with a long side of some 320 pixels.
        large: Thumbnail with a long side of some 960 pixels.
        alt: What it is, in words, for who cannot see it.
    """

    url: str
    width: int
    height: int
    small: Thumb
    large: Thumb
    alt: str = ""

    @property
    def shape(self) -> int:
        """The nearest of `SHAPES`."""
        aspect = 100 * self.width / self.height
        return min(SHAPES, key=lambda shape: abs(shape - aspect))


@dataclasses.dataclass(frozen=True)
class Fact:
    """A name and its value, for lists of settings and numbers."""

    name: str
    value: str


@dataclasses.dataclass(frozen=True)
class Tab:
    """A link of a row of which one is shown."""

    title: str
    url: str
    is_current: bool = False


# --- Works and styles -----------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class StyleCard:
    """A style that can be chosen.

    Attributes:
        id: Of the style, as `/new?style=ID` takes it.
        title: Of the painting, or what its owner calls it.
        credit: Who made it: a painter, or a person of this site.
        picture: None where only the name may be shown.
        uses: Number of works made with it.
        person: Name of the person who shares it; "" for the built-in ones.
    """

    id: str
    title: str
    credit: str
    picture: Picture | None
    uses: int = 0
    person: str = ""


@dataclasses.dataclass(frozen=True)
class WorkCard:
    """A work in a feed.

    Attributes:
        id: Of the work, for `POST /w/ID/like`.
        url: Of its page: `/w/ID`, or `/s/TOKEN`.
        title: "" if it has none.
        author: Name of the person.
        picture: The work.
        kind: "mix" or "dream".
        style: Title of the style; "" for a dream.
        likes: Number of them.
        is_liked: By the viewer.
        visibility: "private", "unlisted" or "public"; shown to the owner only.
        is_held: Whether a moderator has yet to look at it; shown to the owner only.
    """

    id: str
    url: str
    title: str
    author: str
    picture: Picture
    kind: str = "mix"
    style: str = ""
    likes: int = 0
    is_liked: bool = False
    visibility: str = "public"
    is_held: bool = False


@dataclasses.dataclass(frozen=True)
class FeedPage:
    """`feed.html`: `/` and `/best?days=7|30`.

    Attributes:
        heading: Of the page.
        tabs: New, best of the week, best of the month.
        works: In the order in which they are shown.
        older: Address of the next page, or None.
        is_start: Whether visitors are greeted: the first page of `/`.
        example: A pair (photograph, work) beside the greeting, or None.
    """

    heading: str
    tabs: tuple[Tab, ...]
    works: tuple[WorkCard, ...]
    older: str | None = None
    is_start: bool = False
    example: tuple[Picture, Picture] | None = None


@dataclasses.dataclass(frozen=True)
class Reveal:
    """One line of what publishing makes visible, and whether it does."""

    text: str
    is_shown: bool


@dataclasses.dataclass(frozen=True)
class WorkPage:
    """`work.html`: `/w/ID` and `/s/TOKEN`.

    Attributes:
        work: The work; `work.url` is this page.
        words: The settings as a sentence: "Half the photograph, half the style, ..."
        facts: The settings as a list.
        made: When it was made.
        before: The photograph, where it is shared or the viewer's own; else None.
        style: The style, or None for a dream or a style that is not shared.
        share_url: Whole address to hand on, with host.
        is_owner: Whether the viewer may publish and delete it.
        is_unfinished: Whether it is a picture so far, because its owner stopped it.
        shows_photograph: Whether publishing it shared the photograph.
        reveals: What becomes visible when it is published.
        removed: Why a moderator removed it; "" if none did. Shown to the owner.
        own_style: The painting that the viewer uploaded for it and may share; None if
            there is none.
        has_reported: Whether the viewer has reported it.
        reasons: (value, text) of what can be wrong with it, for the report.
        key: Idempotency key of the forms.
    """

    work: WorkCard
    words: str
    facts: tuple[Fact, ...]
    made: datetime.datetime
    before: Picture | None = None
    style: StyleCard | None = None
    share_url: str = ""
    is_owner: bool = False
    is_unfinished: bool = False
    shows_photograph: bool = False
    reveals: tuple[Reveal, ...] = ()
    removed: str = ""
    own_style: Picture | None = None
    has_reported: bool = False
    reasons: tuple[tuple[str, str], ...] = ()
    key: str = ""


@dataclasses.dataclass(frozen=True)
class PersonPage:
    """`person.html`: `/u/NAME`.

    Attributes:
        name: Of the person.
        joined: When.
        works: Public ones.
        count: Number of public works.
        likes: Number of likes of them.
        styles: That the person shares.
        older: Address of the next page, or None.
        is_self: Whether it is the viewer.
    """

    name: str
    joined: datetime.datetime
    works: tuple[WorkCard, ...]
    count: int = 0
    likes: int = 0
    styles: tuple[StyleCard, ...] = ()
    older: str | None = None
    is_self: bool = False


@dataclasses.dataclass(frozen=True)
class StylesPage:
    """`styles.html`: `/styles`.

    Attributes:
        builtin: That come with the studio.
        people: That people share, the most used ones first.
        own: The viewer's, shared or not.
        older: Address of the next page of people's, or None.
    """

    builtin: tuple[StyleCard, ...]
    people: tuple[StyleCard, ...] = ()
    own: tuple[StyleCard, ...] = ()
    older: str | None = None


# --- New pictures ---------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Preset:
    """A strength: a name with what it sets.

    Attributes:
        name: Value of the form's field.
        title: In words.
        value: alpha of a mix, or steps of a dream.
    """

    name: str
    title: str
    value: float


@dataclasses.dataclass(frozen=True)
class Size:
    """A size that can be chosen: pixels of the long side, and seconds it will take."""

    pixels: int
    mix_seconds: float
    dream_seconds: float


@dataclasses.dataclass(frozen=True)
class NewForm:
    """`new.html`: `/new`, and `try.html`: `/try`.

    Attributes:
        kind: "mix" or "dream": what is chosen when the page opens.
        styles: To choose from; the chosen one is among them.
        style: id of the chosen style, or "".
        alpha: In [0, 1].
        strength: Name of the chosen one of `strengths`.
        size: In pixels.
        sizes: To choose from.
        presets: Of a mix.
        strengths: Of a dream.
        limit_bytes: Largest file.
        media_types: What the file dialog offers.
        ahead: Number of pictures that wait in front.
        wait_seconds: Until a picture given now is begun; None if no worker is there.
        content: The photograph of an earlier work that is used again, or None.
        content_id: Its id; the form sends it if no file is chosen.
        error: A sentence about what was wrong with the form, or "".
        field: Name of the field that it is about, or "".
        refusal: Why no picture can be ordered now (a quota, the store); "" if one can.
        key: Idempotency key.
    """

    kind: str = "mix"
    styles: tuple[StyleCard, ...] = ()
    style: str = ""
    alpha: float = 0.5
    strength: str = ""
    size: int = 512
    sizes: tuple[Size, ...] = ()
    presets: tuple[Preset, ...] = ()
    strengths: tuple[Preset, ...] = ()
    limit_bytes: int = 0
    media_types: tuple[str, ...] = ()
    ahead: int = 0
    wait_seconds: float | None = 0
    content: Picture | None = None
    content_id: str = ""
    error: str = ""
    field: str = ""
    refusal: str = ""
    key: str = ""

    @property
    def place(self) -> str:
        """Where in line a picture given now would be, and when it begins."""
        waits = self.wait_seconds
        begins = _NO_WORKER if waits is None else f"begins in {duration(waits)}"
        if self.ahead:
            return f"{count(self.ahead, 'picture')} in front of yours; it {begins}"
        return f"Yours {begins}" if waits is None else "Yours would be next"


# --- Jobs -----------------------------------------------------------------------------

FINAL = ("done", "stopped", "failed")


@dataclasses.dataclass(frozen=True)
class JobCard:
    """A picture that waits, is made, or has ended.

    Attributes:
        id: Of the job.
        url: `/me/jobs/ID`.
        title: E.g. "Mix with Harvest".
        state: "queued", "running", "done", "stopped" or "failed".
        ahead: Number of jobs in front; None if it does not wait.
        wait_seconds: Until it is begun, or None.
        has_worker: Whether any worker is there; told of a job that waits.
        fraction: Share of the work that is done, in [0, 1].
        step: Of the current octave.
        steps: Of the current octave.
        seconds_left: Until it is done; None if that is not known.
        preview: The picture so far, or the photograph; None if there is none.
        is_stopping: Whether it was cancelled and ends at its next step.
        error: Why it failed, in a sentence; "" if it did not.
        work_url: Of its work, or None.
        key: Idempotency key of "again".
    """

    id: str
    url: str
    title: str
    state: str
    ahead: int | None = None
    wait_seconds: float | None = None
    has_worker: bool = True
    fraction: float = 0.0
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    preview: Picture | None = None
    is_stopping: bool = False
    error: str = ""
    work_url: str | None = None
    key: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in FINAL

    @property
    def percent(self) -> int:
        """Share of the work that is done; 100 only when it is all."""
        return 100 if self.state == "done" else min(99, round(100 * self.fraction))

    @property
    def status(self) -> str:
        """The state in a few words."""
        if self.is_stopping and not self.is_final:
            return "Stopping"
        if self.state == "queued":
            return (
                f"{ordinal(self.ahead + 1)} in line" if self.ahead else "Next in line"
            )
        kept = "; the picture so far is kept" if self.work_url else ""
        words = {"running": f"{self.percent} %", "done": "Done", "failed": "Failed"}
        return words.get(self.state, f"Stopped{kept}")

    @property
    def figures(self) -> str:
        """What else can be told of the state: times and steps."""
        if self.state == "queued" and not self.has_worker:
            return _NO_WORKER
        if self.state == "queued" and self.wait_seconds is not None:
            return f"begins in {duration(self.wait_seconds)}"
        if self.state != "running":
            return self.error
        parts = [f"step {self.step} of {self.steps}"] if self.steps else []
        if self.seconds_left is not None:
            parts.insert(0, f"{duration(self.seconds_left)} left")
        return " · ".join(parts)

    def news(self) -> dict[str, Any]:
        """Returns what `GET /api/news` says of it, for the script of the page."""
        return {
            "id": self.id,
            "state": self.state,
            "status": self.status,
            "figures": self.figures,
            "percent": self.percent,
            "stopping": self.is_stopping,
            "preview": self.preview.large.url if self.preview else None,
            "work": self.work_url,
        }


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a person has of something, and may have.

    Attributes:
        name: E.g. "Pictures waiting".
        used: In words: "3".
        most: In words: "10".
        fraction: used / most, in [0, 1].
    """

    name: str
    used: str
    most: str
    fraction: float


@dataclasses.dataclass(frozen=True)
class MinePage:
    """`mine.html`: `/me`.

    Attributes:
        jobs: That wait, are made, or failed lately; the latest first.
        works: The viewer's, whatever their visibility.
        after: Number that `GET /api/news?after=` goes on from.
        usage: Of what there are limits.
        older: Address of the next page of works, or None.
    """

    jobs: tuple[JobCard, ...]
    works: tuple[WorkCard, ...]
    after: int = 0
    usage: tuple[Usage, ...] = ()
    older: str | None = None


@dataclasses.dataclass(frozen=True)
class JobPage:
    """`job.html`: `/me/jobs/ID`, and the picture of `/try` while it is made.

    Attributes:
        job: The job.
        facts: Its settings.
        content: The photograph, or None.
        style: The style, or None.
        after: Number that `GET /api/news?after=` goes on from.
        is_trial: Whether it is a visitor's, and will be forgotten.
    """

    job: JobCard
    facts: tuple[Fact, ...] = ()
    content: Picture | None = None
    style: StyleCard | None = None
    after: int = 0
    is_trial: bool = False


# --- Accounts -------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class LoginForm:
    """`login.html`: `/login`.

    Attributes:
        name: That was typed before.
        next: Path to go to afterwards.
        error: A sentence, or "".
    """

    name: str = ""
    next: str = "/"
    error: str = ""


@dataclasses.dataclass(frozen=True)
class SignupForm:
    """`signup.html`: `/signup`.

    Attributes:
        name: That was typed before.
        email: That was typed before.
        error: A sentence, or "".
        field: Name of the field that it is about, or "".
        least: Least length of a password.
        is_reviewed: Whether first works are looked at before they are public.
        key: Idempotency key.
        link: Token of the link that makes an administrator, or "".
    """

    name: str = ""
    email: str = ""
    error: str = ""
    field: str = ""
    least: int = 10
    is_reviewed: bool = False
    key: str = ""
    link: str = ""


@dataclasses.dataclass(frozen=True)
class PasswordForm:
    """`password.html`: `/password?link=TOKEN`.

    Attributes:
        name: Of the account; "" for a link that does not work.
        link: Its token.
        error: A sentence, or "".
        field: Name of the field that it is about, or "".
        least: Least length of a password.
    """

    name: str = ""
    link: str = ""
    error: str = ""
    field: str = ""
    least: int = 10


@dataclasses.dataclass(frozen=True)
class SessionRow:
    """A place where the account is signed in.

    Attributes:
        id: For `POST /me/sessions/ID/revoke`.
        device: E.g. "Firefox on Linux".
        begun: When it signed in.
        seen: When it was last used.
        is_this: Whether it is the one that asks.
    """

    id: str
    device: str
    begun: datetime.datetime
    seen: datetime.datetime
    is_this: bool = False


@dataclasses.dataclass(frozen=True)
class SettingsPage:
    """`settings.html`: `/me/settings`.

    Attributes:
        name: Of the account.
        email: Or "".
        sessions: Where it is signed in.
        usage: Of what there are limits.
        least: Least length of a password.
        error: A sentence, or "".
        form: Which form it is about: "name", "email", "password" or "delete".
        works: Number of works that are deleted with the account.
    """

    name: str
    email: str = ""
    sessions: tuple[SessionRow, ...] = ()
    usage: tuple[Usage, ...] = ()
    least: int = 10
    error: str = ""
    form: str = ""
    works: int = 0


# --- Moderation -----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class ReviewRow:
    """A work that a moderator looks at.

    Attributes:
        work: The work.
        reports: (reason, what was written) of each report.
        state: "reported", "hidden" (after several reports), "held" (a new person's
            first) or "removed".
        since: When it came here.
        person_url: Of its author in the list of people.
    """

    work: WorkCard
    reports: tuple[tuple[str, str], ...]
    state: str
    since: datetime.datetime
    person_url: str = ""


@dataclasses.dataclass(frozen=True)
class PersonRow:
    """A person in the list of people.

    Attributes:
        name: Of the account.
        joined: When.
        works: Number of them.
        removed: Number of works that were removed.
        is_banned: Whether the person is.
        role: "person", "moderator" or "administrator".
    """

    name: str
    joined: datetime.datetime
    works: int = 0
    removed: int = 0
    is_banned: bool = False
    role: str = "person"


@dataclasses.dataclass(frozen=True)
class AuditRow:
    """What a moderator did.

    Attributes:
        at: When.
        who: Name of the moderator.
        what: In words: "removed a work of anna".
        why: What was written about it, or "".
    """

    at: datetime.datetime
    who: str
    what: str
    why: str = ""


@dataclasses.dataclass(frozen=True)
class AdminPage:
    """`admin.html`: `/admin?show=review|people|audit`.

    Attributes:
        tabs: The three lists.
        show: Which one: "review", "people" or "audit".
        review: Works to look at.
        people: Found people.
        search: Part of a name that was searched for.
        audit: What was done, the latest first.
        facts: Numbers of the service: jobs that wait, workers, bytes.
        older: Address of the next page of the list, or None.
        key: Idempotency key of the forms.
        may_appoint: Whether the viewer is an administrator, who makes others moderators
            and links for new passwords.
    """

    tabs: tuple[Tab, ...]
    show: str = "review"
    review: tuple[ReviewRow, ...] = ()
    people: tuple[PersonRow, ...] = ()
    search: str = ""
    audit: tuple[AuditRow, ...] = ()
    facts: tuple[Fact, ...] = ()
    older: str | None = None
    key: str = ""
    may_appoint: bool = False


@dataclasses.dataclass(frozen=True)
class LinkPage:
    """`link.html`: a link for a new password, which is shown this once.

    Attributes:
        name: Whose it is.
        email: Of this person, or "".
        url: Whole address to hand on, with host.
        back: Of the person in the list of people.
    """

    name: str
    email: str
    url: str
    back: str


@dataclasses.dataclass(frozen=True)
class ErrorPage:
    """`error.html`: whatever went wrong.

    Attributes:
        status: Of HTTP.
        heading: In a few words.
        text: What it means, and what to do.
        url: Where to go from here.
        link: Text of that link.
    """

    status: int
    heading: str
    text: str
    url: str = "/"
    link: str = "Look at the pictures"


# Heading and text by status.
ERROR_TEXTS: Mapping[int, tuple[str, str]] = {
    400: (
        "That did not work",
        "Something in the request is not right; please go back.",
    ),
    403: (
        "This form came from somewhere else",
        "For safety, forms of other sites are not taken. Open the page again, and"
        " send it from there.",
    ),
    404: (
        "There is nothing here",
        "It may have been deleted, or made private by its author.",
    ),
    413: ("That is too large", "Choose a smaller picture; nothing was kept of it."),
    429: ("One moment, please", "There were many requests; try again in a minute."),
    500: (
        "A mistake of ours",
        "It was written down, and nothing of yours is lost. Please try again.",
    ),
    503: (
        "The studio takes a short rest",
        "Its store or its database does not answer. What you have is safe, pictures in"
        " work go on where they were; try again in a minute.",
    ),
}


# --- Words ----------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Returns a length of time as people say it: "about 40 seconds"."""
    if seconds < _SOON:
        return "a few seconds"
    if seconds < _FIVES:
        return f"about {round(seconds / 5) * 5} seconds"
    if seconds < 1.5 * _HOUR:
        return f"about {round(seconds / _MINUTE)} minutes"
    return f"about {round(seconds / _HOUR)} hours"


def ordinal(number: int) -> str:
    """Returns 1st, 2nd, 3rd, 4th, ..."""
    teens = number % 100 in (11, 12, 13)
    ending = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def count(number: int, one: str, many: str = "") -> str:
    """Returns "1 like", "2 likes", "no likes"."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{number or 'no'} {noun}"


def day(moment: datetime.datetime) -> str:
    """Returns a date as people write it: "3 March 2026"."""
    return f"{moment.day} {moment:%B %Y}"
