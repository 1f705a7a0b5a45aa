"""topology: what an application's topology looks like."""

from __future__ import annotations

import click

from streamkit.cli.load_app import load_app

__all__ = ["topology"]


@click.command()
@click.argument("app")
@click.option("--mermaid", "form", flag_value="mermaid", help="As a Mermaid flow chart.")
@click.option("--json", "form", flag_value="json", help="As JSON.")
def topology(app: str, form: str | None) -> None:
    """Show the sub-topologies of APP, which is MODULE:NAME or a file's path.

    The text form is that of Kafka Streams' Topology.describe().
    """
    description = load_app(app).topology().describe()
    if form == "mermaid":
        click.echo(description.to_mermaid(), nl=False)
    elif form == "json":
        click.echo(description.to_json())
    else:
        click.echo(str(description), nl=False)
