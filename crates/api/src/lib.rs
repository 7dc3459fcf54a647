//! HTTP: blockprint-compatible addresses, /api/v1, OpenAPI, dashboard, metrics
