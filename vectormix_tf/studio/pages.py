"""Makes pages from templates, and the headers that keep other sites out of them."""

import pathlib
from typing import Any

import jinja2

from vectormix_tf.studio import contexts

FOLDER = pathlib.Path(__file__).parent
STATIC = FOLDER / "static"

# All content comes from this site; blobs are pictures that a person has just chosen.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src"
    " 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action"
    " 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def environment() -> jinja2.Environment:
    """Returns Jinja's environment: what is typed is escaped, a missing name is told."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "day": contexts.day,
    }
    made.globals |= {"count": contexts.count}
    return made


def render(
    made: jinja2.Environment, template: str, frame: contexts.Frame, page: Any
) -> str:
    """Returns the HTML of a page.

    Args:
        made: Of `environment`.
        template: File of `templates`, e.g. "feed.html".
        frame: What surrounds the page.
        page: The class of `contexts` that names the template.
    """
    return made.get_template(template).render(frame=frame, page=page)
