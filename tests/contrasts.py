"""How well text is seen, measured in a browser, for tests of pages."""

# [contrast, text] of all text on one color: WCAG 2.2, 1.4.3.
CONTRASTS = """() => {
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => {
        const [r, g, b] = parts(color).slice(0, 3).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
        const color = getComputedStyle(element).backgroundColor;
        return (parts(color)[3] ?? 1) ? color : behind(element.parentElement);
    };
    return [...document.querySelectorAll("body *")]
        .filter(each => each.checkVisibility() && !each.closest(".idle"))
        .filter(each => [...each.childNodes].some(
            node => node.nodeType === 3 && node.data.trim()))
        .map(each => {
            const pair = [light(getComputedStyle(each).color), light(behind(each))];
            const [low, high] = pair.sort((a, b) => a - b);
            return [(high + 0.05) / (low + 0.05), each.textContent];
        });
}"""
