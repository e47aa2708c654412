"""The balancers, each configured alike: one worker or thread, the same nodes in turn, no health checks, no log of
connections, room for the same number of connections, five minutes without a byte, two seconds to connect. All else
is as the package comes."""
import http.client
import os
import re
import shutil
from dataclasses import dataclass

from measure import process_tree
from processes import any_free_port, output_of

BACKLOG = 4096


@dataclass
class Nodes:
    """host:port of the nodes behind each of the two listeners, and how many connections a balancer has room for."""
    http: list
    bulk: list
    connections_max: int


@dataclass
class Contestant:
    """One that runs. pids are all its processes; none for the direct way."""
    name: str
    title: str
    version: str
    http: str
    bulk: str
    process: object = None
    pids: tuple = ()


def descriptors_needed(connections_max):
    """Two for a connection; HAProxy wants half as many again for the pipes that it splices through."""
    return connections_max * 5 // 2 + 200


def answers(address):
    """True where a request through the address is answered."""
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def package_version(name):
    return output_of("dpkg-query", "-W", "-f", "${Version}", name).strip().splitlines()[-1:]


def _haproxy(directory, http, bulk, nodes, splice):
    def part(name, address, servers):
        return (f"listen {name}\n  bind {address} backlog {BACKLOG}\n" +
                "".join(f"  server n{number} {node}\n" for number, node in enumerate(servers, 1)))
    text = (f"global\n  nbthread 1\n  maxconn {nodes.connections_max}\ndefaults\n  mode tcp\n"
            f"  maxconn {nodes.connections_max}\n  balance roundrobin\n  timeout connect 2s\n  timeout client 5m\n"
            "  timeout server 5m\n" + ("  option splice-auto\n" if splice else "") +
            part("http", http, nodes.http) + part("bulk", bulk, nodes.bulk))
    return text, "haproxy.cfg", ["haproxy", "-db", "-f", os.path.join(directory, "haproxy.cfg")]


def _nginx(directory, http, bulk, nodes):
    def part(name, address, servers):
        return (f"  upstream {name} {{\n" + "".join(f"    server {node};\n" for node in servers) + "  }\n"
                f"  server {{ listen {address} backlog={BACKLOG}; proxy_pass {name}; }}\n")
    text = ("load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n" +
            ("user root;\n" if os.geteuid() == 0 else "") +
            f"daemon off;\nworker_processes 1;\npid {directory}/nginx.pid;\nerror_log stderr;\n"
            f"events {{ worker_connections {2 * nodes.connections_max + 100}; }}\n"
            "stream {\n  proxy_connect_timeout 2s;\n  proxy_timeout 5m;\n" +
            part("http", http, nodes.http) + part("bulk", bulk, nodes.bulk) + "}\n")
    return text, "nginx.conf", ["nginx", "-c", os.path.join(directory, "nginx.conf"), "-e", "stderr"]


def _shunt(directory, http, bulk, nodes, binary):
    def part(name, address, servers):
        listed = ", ".join(f'"{node}"' for node in servers)
        return (f"  {name}:\n    initial: live\n    listen: {address}\n    health: {{type: off}}\n"
                f"    pools: {{live: [{listed}]}}\n")
    text = (f"admin: {{socket: {directory}/admin.sock}}\nstate: {{dir: {directory}/state}}\nworkers: 1\n"
            f"limits: {{connections: {nodes.connections_max}}}\ntimeouts: {{connect: 2s, idle: 5m}}\n"
            "log: {level: warn}\napps:\n" + part("http", http, nodes.http) + part("bulk", bulk, nodes.bulk))
    return text, "shunt.yaml", [binary, "serve", "--config", os.path.join(directory, "shunt.yaml")]


def _shunt_version(binary):
    return output_of(binary, "--version").split("\n")[0].removeprefix("shunt ")


def _haproxy_version():
    found = re.search(r"version (\S+)", output_of("haproxy", "-v"))
    return found.group(1) if found else "?"


def _nginx_version():
    found = re.search(r"nginx/(\S+)", output_of("nginx", "-v"))
    return "".join(package_version("nginx")) or (found.group(1) if found else "?")


TITLES = {"shunt": "shunt", "haproxy": "HAProxy", "haproxy-splice": "HAProxy splice", "nginx": "nginx stream",
          "direct": "direct"}
PEERS = ("haproxy", "haproxy-splice", "nginx")


def start(name, stage, nodes, instance=""):
    """Starts one and waits until it answers. instance: tells a second one's files from the first one's."""
    if name == "direct":
        return Contestant(name, TITLES[name], "(no balancer)", nodes.http[0], nodes.bulk[0])
    directory = stage.path(name + instance)
    # That of an earlier instance, with its state.
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    http_address, bulk_address = (f"127.0.0.1:{any_free_port()}" for _ in range(2))
    shunt = stage.binary("shunt")
    make, version = {
        "shunt": (lambda *a: _shunt(*a, shunt), lambda: _shunt_version(shunt)),
        "haproxy": (lambda *a: _haproxy(*a, splice=False), _haproxy_version),
        "haproxy-splice": (lambda *a: _haproxy(*a, splice=True), _haproxy_version),
        "nginx": (_nginx, _nginx_version),
    }[name]
    text, file, command = make(directory, http_address, bulk_address, nodes)
    stage.write(os.path.join(name + instance, file), text)
    process = stage.start_ready(name + instance, command, lambda: answers(http_address),
                                stage.balancer_cpu)
    return Contestant(name, TITLES[name], version(), http_address, bulk_address, process,
                      tuple(process_tree(process.pid)))
