from importlib.metadata import version

from raworc_crds import __version__


def test_the_packages_and_the_distribution_are_of_one_version() -> None:
    assert __version__ == version("raworc")
