/**
 * The header in which the edge names the network address of an HTTP caller. The edge sets it over whatever the caller may have
 * written there, so services may believe it.
 */
export const peerHeader = "x-tidewire-peer";
