"""From raw text to what a model is pretrained on: documents, tokenizer, tokens, sequences, objectives."""
