# SPDX-License-Identifier: Apache-2.0
"""`euicc lab`: servers, a service centre, an operator and devices on this computer, in a folder."""
