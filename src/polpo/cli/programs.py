"""`polpo controller` and `polpo agent`: the two programs that stay."""


def controller(*words: str) -> int:
    """Run the controller. `polpo controller --help` lists its settings."""
    from polpo.apps import controller as program

    return program.main(words) or 0


def agent(*words: str) -> int:
    """Run this host's agent. `polpo agent --help` lists its settings."""
    from polpo.apps import agent as program

    return program.main(words) or 0
