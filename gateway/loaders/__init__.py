"""From a mount's specification to an application that is ready to serve."""
