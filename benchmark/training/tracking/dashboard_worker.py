"""Save a workspace to W&B, in a process of its own, given the file of its specification."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmark.training.tracking.dashboard import Dashboard, DashboardPanel


def build(dashboard: Dashboard) -> Any:  # noqa: ANN401 - an object of a package that may be missing
    """W&B's own objects for a specification; asks the server only where there is a saved view to update."""
    import wandb_workspaces.reports.v2 as wr  # pyright: ignore[reportMissingImports]
    import wandb_workspaces.workspaces as ws  # pyright: ignore[reportMissingImports]

    sections = [
        ws.Section(name=section.title, panels=[_panel(wr, panel) for panel in section.panels], is_open=True)
        for section in dashboard.sections
    ]
    # a workspace orders and pins by the name that it shows
    columns = [_column(key) for key in dashboard.columns]
    runs = ws.RunsetSettings(
        order=[ws.Ordering(ws.Summary(dashboard.order), ascending=False)],
        pinned_columns=["run:displayName", *columns],
    )
    if not dashboard.url:
        return ws.Workspace(
            entity=dashboard.entity,
            project=dashboard.project,
            name=dashboard.name,
            sections=sections,
            runset_settings=runs,
        )
    workspace = ws.Workspace.from_url(dashboard.url)
    workspace.name, workspace.sections, workspace.runset_settings = dashboard.name, sections, runs
    return workspace


def _panel(wr: Any, panel: DashboardPanel) -> Any:  # noqa: ANN401, PLR0911 - as above, one case per kind
    keys = list(panel.keys)
    match panel.kind:
        case "line":
            return wr.LinePlot(title=panel.title, x="Step", y=keys, title_x="epoch")
        case "bar":
            return wr.BarPlot(title=panel.title, metrics=keys, range_x=(0, 1))
        case "compare":
            return wr.RunComparer(diff_only="split")
        case "confusion":
            return wr.CustomChart(
                query={"summaryTable": {"tableKey": keys[0]}},
                chart_name="wandb/confusion_matrix/v1",
                chart_fields={name: name for name in ("Actual", "Predicted", "nPredictions")},
                chart_strings={"title": panel.title},
            )
        case "table":
            return wr.WeavePanelSummaryTable(table_name=keys[0])
        case "parallel":
            columns = [wr.ParallelCoordinatesPlotColumn(metric=_metric(wr, key)) for key in keys]
            return wr.ParallelCoordinatesPlot(columns=columns, title=panel.title)
        case "importance":
            return wr.ParameterImportancePlot(with_respect_to=keys[0])


def _metric(wr: Any, key: str) -> Any:  # noqa: ANN401 - as above
    name = key.removeprefix("config.")
    return wr.SummaryMetric(key) if name == key else wr.Config(name)


def _column(key: str) -> str:
    name = key.removeprefix("config.")
    return f"summary:{key}" if name == key else f"config:{name}.value"


if __name__ == "__main__":
    saved = build(Dashboard.model_validate_json(Path(sys.argv[1]).read_bytes())).save()
    print(saved.url)
