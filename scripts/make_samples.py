"""Write the bundled samples (src/lmfit/data/sample_files) from the templates and names in scripts/samples/texts.

    python scripts/make_samples.py [FOLDER]

All sentences, templates and invented names are the project's own writing. The same code gives the same bytes.
"""

import sys
from pathlib import Path

from samples import ner, tables
from samples.template import SPLITS

FOLDER = Path(__file__).resolve().parents[1] / "src" / "lmfit" / "data" / "sample_files"
KINDS = {
    "sample_ner.{}.conll": ner.text,
    "sample_intents.{}.csv": tables.intents,
    "sample_headlines.{}.csv": tables.headlines,
}


def main(folder: Path) -> None:
    """Write every split of every sample to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in KINDS.items():
        for split in SPLITS:
            (folder / name.format(split)).write_bytes(make(split).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
