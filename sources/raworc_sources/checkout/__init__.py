"""The first step of a build, in its own container: from repositories to what Kaniko needs."""
