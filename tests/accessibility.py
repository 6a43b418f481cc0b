"""What is wrong with a page for those who cannot see it well, by axe."""


def violations(page):
    """What axe finds on a page as it stands: a report, empty if there is nothing.

    Its rules are those of WCAG 2.2 (contrast of all text, names of controls, labels of
    pictures, headings, landmarks, ...) and its own.
    """
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page)
    return found.generate_report() if found.violations_count else ""
