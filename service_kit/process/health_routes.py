"""Routes by which a part that serves HTTP anyway tells its health, as on its port for metrics."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service_kit.process.health import Health, Report


def health_routes(health: Health) -> list[Route]:
    """GET /livez and /readyz, with ?verbose what is wrong in words; 200 or 503."""

    def respond(request: Request, report: Report) -> Response:
        status, body = report.answer(verbose="verbose" in request.query_params)
        return Response(body, status, media_type="application/json")

    async def live(request: Request) -> Response:
        return respond(request, health.liveness())

    async def ready(request: Request) -> Response:
        return respond(request, await health.readiness())

    return [
        Route("/livez", live, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
    ]
