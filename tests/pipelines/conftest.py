"""The pipelines run as their users run them: real client libraries against a daemon of each test's own."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lakegated  # noqa: E402


@pytest.fixture
def server(request):
    """With the settings of the mark: @pytest.mark.settings("--new-buckets=open")."""
    mark = request.node.get_closest_marker("settings")
    with lakegated.Lakegated(arguments=mark.args if mark else ()) as server:
        yield server


@pytest.fixture
def s3(server):
    return lakegated.client(server)


def pytest_configure(config):
    config.addinivalue_line("markers", "settings(*arguments): of the daemon")
