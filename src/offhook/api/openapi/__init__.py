"""What `/openapi.json` says, made of the routes and the wire types."""
