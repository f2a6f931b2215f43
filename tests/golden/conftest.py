"""Options of the golden tests."""


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="write what comes out as what is expected")
