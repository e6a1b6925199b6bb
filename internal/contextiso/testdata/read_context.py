"""Prints as JSON what cloud-init's own data source reads from the files of a context, and what cloud-init makes of it.

Arguments: opennebula or nocloud, folder with the files, folder to work in, MAC addresses of the machine with their names as JSON.
Only what would look at this machine is replaced: the search for devices, its network cards, and sudo.
"""
import json
import os
import sys

from cloudinit import distros, dmi, helpers, util
from cloudinit.config.schema import get_schema, validate_cloudconfig_schema
from cloudinit.distros import ug_util
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
from cloudinit.net.network_state import parse_net_config_data
from cloudinit.sources import DataSourceNoCloud, DataSourceOpenNebula

form, medium, work, cards = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])

util.find_devs_with = lambda *args, **kwargs: []
dmi.read_dmi_data = lambda key: None
DataSourceOpenNebula.switch_user_cmd = lambda user: []
DataSourceOpenNebula.get_physical_nics_by_mac = lambda distro: cards

paths = helpers.Paths({"cloud_dir": work, "run_dir": work})
os.makedirs(paths.seed_dir)
os.symlink(medium, os.path.join(paths.seed_dir, form))
distro = distros.fetch("debian")("debian", {}, paths)
sources = {"opennebula": DataSourceOpenNebula.DataSourceOpenNebula, "nocloud": DataSourceNoCloud.DataSourceNoCloud}
source = sources[form]({}, distro, paths)
if not source.get_data():
    sys.exit("the data source found nothing")

handler = CloudConfigPartHandler(paths)
handler.cloud_buf = {}
kinds = []
for part in source.get_userdata().walk() if source.get_userdata_raw() else []:
    if part.get_content_maintype() == "multipart":
        continue
    kinds.append(part.get_content_type())
    if part.get_content_type() == "text/cloud-config":
        handler._merge_part(part.get_payload(decode=True).decode(), part)
config = handler.cloud_buf
validate_cloudconfig_schema(config, schema=get_schema(), strict=True)
users, _ = ug_util.normalize_users_groups(config, distro)

network, interfaces = source.network_config, []
if network:
    interfaces = list(parse_net_config_data(network, skip_broken=False).iter_interfaces())

print(json.dumps({
    "instance_id": source.get_instance_id(),
    "metadata": source.metadata,
    "hostname": source.metadata.get("local-hostname") and str(source.get_hostname().hostname),
    "keys": source.get_public_ssh_keys(),
    "kinds": kinds,
    "config": config,
    "users": users,
    "network": network,
    "interfaces": interfaces,
}))
