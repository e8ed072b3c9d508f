"""polpo's own container image, made of this very installation: no registry is asked."""
