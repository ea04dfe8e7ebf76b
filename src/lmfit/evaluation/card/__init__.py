"""model/README.md of a run: a model card for the Hub, made from nothing but the run folder's own files."""

from lmfit.evaluation.card.write import CARD, has_card, published, write_card

__all__ = ["CARD", "has_card", "published", "write_card"]
