"""How a chart travels to the child that draws it: JSON, and back into the very same form."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from mailbot.core.charts import Chart

CHART: TypeAdapter[Chart] = TypeAdapter(Annotated[Chart, Field(discriminator="kind")])
