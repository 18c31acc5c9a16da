"""The real webserver obeys the pages of the UI and programs, and no page of anybody else."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
import yaml
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.partitions import tasks
from aehpo_assets.errors import InputError
from aehpo_assets.running.ui import start_process, stop_all
from aehpo_assets.running.webserver import LOOPBACK, allowed_hosts
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study

LOCATION = 'repositoryName: "__repository__", repositoryLocationName: "aehpo_assets"'
VERSION = "{ version }"
DELETE = (
    f"mutation {{ deleteDynamicPartitions(repositorySelector: {{{LOCATION}}}, "
    'partitionsDefName: "task", partitionKeys: ["kept"]) { __typename } }'
)
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FOREIGN = {"Origin": "http://evil.example"}


class Served:
    """The webserver on a home that has one task."""

    def __init__(self, port: int, instance: dg.DagsterInstance):
        self.port, self.instance = port, instance
        self.own = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: str | None = None,
        host: str = "127.0.0.1",
    ) -> tuple[int, str]:
        """Send a request, and return status and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers | {"Host": f"{host}:{self.port}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def post(self, query: str, headers: dict[str, str], **options: Any) -> tuple[int, str]:
        """Post GraphQL as the UI does."""
        return self.ask("POST", "/graphql", JSON | headers, json.dumps({"query": query}), **options)

    @property
    def tasks(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions(str(tasks.name)))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    study = {
        "name": "tiny",
        "tasks": "all",
        "architectures": ["varix"],
        "configurations": {"count": 4},
        "epochs": 3,
    }
    # One code location starts in half the time.
    module = {"module_name": "aehpo_assets.definitions", "location_name": "aehpo_assets"}
    workspace = folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}))
    with pytest.MonkeyPatch.context() as patch, socket.socket() as free:
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        home = Home(folder / "home")
        home.adopt(Study.model_validate(study), folder / "tiny.yaml")
        instance = open_instance(home)
        instance.add_dynamic_partitions(str(tasks.name), ["kept"])
        arguments = [
            "aehpo_assets.running.webserver",
            "--workspace",
            str(workspace),
            "--port",
            str(port),
        ]
        arguments += ["--host", "127.0.0.1", *(f"--allow-host={name}" for name in LOOPBACK)]
        process = start_process(arguments, home, folder)
        try:
            deadline = time.monotonic() + 120
            while True:
                assert process.poll() is None
                assert time.monotonic() < deadline
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield Served(port, instance)
        finally:
            stop_all([process])


def test_the_page_its_queries_and_its_mutations_work(served: Served) -> None:
    navigation = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    status, page = served.ask("GET", "/asset-groups", navigation)
    assert status == 200, "a link from anywhere opens it"
    assert "<html" in page
    assert served.ask("GET", "/graphql", {"Accept": "text/html"})[0] == 200
    assert json.loads(served.post(VERSION, served.own)[1])["data"]["version"]
    add = DELETE.replace("deleteDynamicPartitions", "addDynamicPartition")
    add = add.replace('partitionKeys: ["kept"]', 'partitionKey: "new"')
    assert "AddDynamicPartitionSuccess" in served.post(add, served.own)[1]
    assert "new" in served.tasks
    assert served.post(VERSION, {})[0] == 200, "a program, which is no browser"
    name = {"Origin": f"http://localhost:{served.port}"}
    assert served.post(VERSION, name, host="localhost")[0] == 200


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}),
        ("POST", FORM),
        ("POST", FORM | FOREIGN),
        ("POST", {"Content-Type": "text/plain; a=application/json"}),
        ("POST", {}),
    ],
)
def test_a_mutation_in_the_address_is_not_carried_out(
    served: Served, method: str, headers: dict[str, str]
) -> None:
    status, answer = served.ask(method, f"/graphql?query={quote(DELETE)}", headers)
    assert status in (403, 405, 415)
    assert "Refused" in answer
    assert "kept" in served.tasks


@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_mutation_of_another_page_is_not_carried_out(
    served: Served, headers: dict[str, str]
) -> None:
    assert served.post(DELETE, headers)[0] == 403
    assert "kept" in served.tasks


def test_the_history_is_not_written_for_another_page(served: Served) -> None:
    for kind in ("materialization", "check", "observation"):
        path = f"/report_asset_{kind}/omics_matrix?partition=forged&passed=true&check_name=finite"
        assert served.ask("POST", path, FOREIGN)[0] == 403
        assert served.ask("POST", path, {})[0] == 415
        served.ask("GET", path, {})
    key = dg.AssetKey("omics_matrix")
    assert not served.instance.get_materialized_partitions(key)
    assert not served.instance.fetch_observations(key, limit=1).records


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost."])
def test_another_name_for_this_machine_is_refused(served: Served, host: str) -> None:
    assert served.ask("GET", "/", {}, host=host)[0] == 400
    own = {"Origin": f"http://{host}:{served.port}"}
    assert served.post(DELETE, own, host=host)[0] == 400
    assert "kept" in served.tasks


def test_a_second_host_or_origin_is_refused(served: Served) -> None:
    for second in ("Host: evil.example", "Origin: http://evil.example"):
        lines = ["POST /graphql HTTP/1.1", f"Host: 127.0.0.1:{served.port}"]
        lines += [f"Origin: {served.own['Origin']}", second, "Content-Type: application/json"]
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            connection.sendall("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
            assert connection.recv(12) == b"HTTP/1.1 400"


def test_the_page_cannot_be_framed_or_embedded(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("GET", "/")
    assert connection.getresponse().getheader("X-Frame-Options") == "SAMEORIGIN"
    for destination in ("iframe", "script"):
        embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert served.ask("GET", "/", embedded | {"Sec-Fetch-Dest": destination})[0] == 403


def subscribe(served: Served, origin: str, host: str = "127.0.0.1") -> str:
    """Open a websocket as the UI does, and return the first thing that it is told."""
    with connect(
        f"ws://{host}:{served.port}/graphql",
        sock=socket.create_connection(("127.0.0.1", served.port)),
        origin=origin,  # type: ignore[arg-type]
        subprotocols=["graphql-ws"],  # type: ignore[list-item]
    ) as websocket:
        query = 'subscription { capturedLogs(logKey: ["a", "b"]) { stdout } }'
        websocket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": query}}))
        return str(websocket.recv(30))


def test_live_updates_reach_the_pages_of_the_ui_only(served: Served) -> None:
    assert json.loads(subscribe(served, served.own["Origin"]))["type"] == "data"
    with pytest.raises(InvalidStatus, match="403"):
        subscribe(served, FOREIGN["Origin"])
    with pytest.raises(InvalidStatus, match="400"):
        subscribe(served, f"http://evil.example:{served.port}", host="evil.example")


def test_whoever_launches_a_run_cannot_choose_the_home(served: Served, tmp_path: Path) -> None:
    answers = (
        "__typename ... on RunConfigValidationInvalid { errors { message } } "
        "... on LaunchRunSuccess { run { runId } }"
    )
    query = f"mutation ($p: ExecutionParams!) {{ launchRun(executionParams: $p) {{ {answers} }} }}"
    other = {"home_folder": str(tmp_path / "other")}
    variables = {
        "p": {
            "selector": {
                "repositoryName": "__repository__",
                "repositoryLocationName": "aehpo_assets",
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": ["configurations"]}],
            },
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "varix"}]},
            "runConfigData": {"resources": {"study": {"config": other}}},
        }
    }
    body = json.dumps({"query": query, "variables": variables})
    _, text = served.ask("POST", "/graphql", JSON | served.own, body)
    answer = json.loads(text)["data"]["launchRun"]
    assert answer["__typename"] == "RunConfigValidationInvalid"
    assert "home_folder" in answer["errors"][0]["message"]
    assert not served.instance.get_runs()


@pytest.mark.slow
def test_other_machines_are_let_in_by_name_only() -> None:
    assert allowed_hosts("127.0.0.1", []) == list(LOOPBACK)
    assert allowed_hosts("::1", []) == list(LOOPBACK)
    assert "127.0.0.2" in allowed_hosts("127.0.0.2", [])
    assert "lab.example" in allowed_hosts("0.0.0.0", ["lab.example"])
    assert "[fd00::1]" in allowed_hosts("::", ["[fd00::1]"])
    for host in ("0.0.0.0", "::", "", "lab.example", "192.168.0.7"):
        with pytest.raises(InputError, match="--allow-host"):
            allowed_hosts(host, [])
    for name in ("*", "*.example", "http://lab.example", "lab.example:3000", "", "a b"):
        with pytest.raises(InputError, match="not the name of a host"):
            allowed_hosts("0.0.0.0", [name])
