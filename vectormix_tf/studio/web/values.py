"""What programs are told of works and jobs."""

from typing import Any

from vectormix_tf.studio import queue, works
from vectormix_tf.studio.web import cards


def work_json(work: works.Work) -> dict[str, Any]:
    """A work for programs."""
    style = cards.source_of(work, "style")
    shared = style is not None and style.style is not None
    files = ("picture", "large", "small")
    keys = {name: getattr(work, name) for name in files}
    token = work.share_token
    return {
        "id": work.id,
        "url": f"/w/{work.id}",
        "person": work.person,
        "title": work.title,
        "kind": work.kind,
        "settings": dict(work.settings),
        "style": {"id": style.style, "title": style.title} if shared else None,
        **{name: cards.file_url(key) if key else None for name, key in keys.items()},
        "width": work.width,
        "height": work.height,
        "visibility": work.visibility,
        "moderation": work.moderation if work.mine else "clear",
        "shows_content": work.shows_content,
        "likes": work.likes,
        "liked": work.liked,
        "mine": work.mine,
        "created_at": work.created_at,
        "shown_at": work.shown_at,
        "share_url": f"/s/{token}" if token else None,
    }


def job_json(job: queue.Job) -> dict[str, Any]:
    """A job for programs."""
    return {
        "id": job.id,
        "kind": job.kind,
        "settings": dict(job.settings),
        "size": job.size,
        "state": job.state,
        "stopping": job.cancel,
        "step": job.step,
        "steps": job.steps,
        "fraction": job.fraction,
        "error": job.error,
        "work": job.work,
        "created_at": job.created_at,
    }
