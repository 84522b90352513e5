"""The child that draws: a chart as JSON on stdin becomes a PNG on stdout. `python -m mailbot.pictures`."""

import sys

from mailbot.pictures.child import MISSING, confine


def main() -> int:
    """Draw one chart; the exit code is MISSING where matplotlib is not installed."""
    confine()
    from mailbot.pictures.form import CHART  # noqa: PLC0415 - under the limits

    try:
        from mailbot.pictures.gallery import picture  # noqa: PLC0415 - likewise; it may be missing
    except ImportError:
        return MISSING
    sys.stdout.buffer.write(picture(CHART.validate_json(sys.stdin.buffer.read())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
