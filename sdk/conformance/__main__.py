"""`python -m conformance`: try a client library against a real server behind a bad line."""

import sys

from conformance.command import main

if __name__ == "__main__":
    sys.exit(main())
