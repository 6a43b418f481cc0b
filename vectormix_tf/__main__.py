"""`python -m vectormix_tf` is `vectormix`."""

import sys

from vectormix_tf.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
