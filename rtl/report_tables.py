"""Tables in documents, for the programs that report on the RTL."""

import sys


def write_between(file, name, text):
    """Replaces what stands between the markers <!-- name --> and <!-- end of name -->."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    content = file.read_text()
    if content.count(first) != 1 or content.count(last) != 1:
        sys.exit(f"{file} must have one '{first}' and one '{last}'")
    head, rest = content.split(first)
    file.write_text(head + first + "\n" + text + "\n" + last + rest.split(last)[1])
