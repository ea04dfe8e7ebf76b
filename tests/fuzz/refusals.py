"""What every refusal owes the user."""

from lmfit.errors import InputError


def assert_in_words(error: InputError) -> None:
    """It counts as the user's, and each of its problems says what, and where or what to do."""
    assert error.exit_code == 2
    assert all(problem.what and (problem.where or problem.fix) for problem in error.problems), str(error)
