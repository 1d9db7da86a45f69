"""The operator: brings the cluster to what Spaces and AgentSessions ask for."""
