"""Where an officer wrote in his answer: above what his mail program quotes, or below it, where Thunderbird begins."""

_INTRODUCTION_MOST = 3  # lines such as "On …, the hub wrote:", broken by a mail program
_COLONS = (":", "：")


def below_quoted(text: str) -> str:
    """What follows the last quoted line of a mail that says nothing of its own above it; else nothing.

    Only LF ends a line here: no other character in a quoted text can begin a line that seems to be the author's.
    """
    lines = text.split("\n")
    quoted = [number for number, line in enumerate(lines) if line.startswith(">")]
    if not quoted:
        return ""
    first, last = quoted[0], quoted[-1]
    answered_within = any(line.strip() and not line.startswith(">") for line in lines[first:last])
    return "" if answered_within or not _introduces(lines[:first]) else "\n".join(lines[last + 1 :])


def _introduces(above: list[str]) -> bool:
    """Whether these lines say no more than who wrote what is quoted: one paragraph, short, that ends with a colon."""
    words = "\n".join(line.strip() for line in above).strip()
    lines = words.split("\n")
    return not words or (all(lines) and len(lines) <= _INTRODUCTION_MOST and words.endswith(_COLONS))
