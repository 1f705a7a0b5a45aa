"""topology: what an application's topology looks like."""

from __future__ import annotations

import click

from streamkit.cli.load_app import load_app

__all__ = ["topology"]


@click.command()
@click.argument("app")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "mermaid", "svg"]),
    default="text",
    show_default=True,
    help="Kafka Streams' text, JSON, a Mermaid flow chart, or a picture.",
)
def topology(app: str, form: str) -> None:
    """Show the sub-topologies of APP, which is MODULE:NAME or a file's path.

    The text form is that of Kafka Streams' Topology.describe().
    """
    description = load_app(app).topology().describe()
    match form:
        case "json":
            click.echo(description.to_json())
        case "mermaid":
            click.echo(description.to_mermaid(), nl=False)
        case "svg":
            click.echo(description.to_svg(), nl=False)
        case _:
            click.echo(str(description), nl=False)
