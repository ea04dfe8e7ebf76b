"""How much a model loses on the same rows, written as users write them: perturbations and the drop they cause."""
